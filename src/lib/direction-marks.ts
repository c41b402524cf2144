// Characters that turn the direction of writing, so that a name may read as another one.

/** For the inside of a character class: embeddings, overrides and isolates (Unicode Standard Annex 9, table 1). */
export const directionMarks = '\\u202a-\\u202e\\u2066-\\u2069'
