// What came of one attempt to tell a receiver.

export type Delivery =
  | { readonly isDelivered: true; readonly answer: string }
  | {
      readonly isDelivered: false
      readonly why: string
      /** It would be the same the next time. */
      readonly isFinal: boolean
      /** It may have arrived all the same: the answer is what was missed. */
      readonly isUnsure: boolean
      /** As the receiver asked for. */
      readonly retryAfterMs?: number
    }

/** Mail servers that ask back take some seconds; who needs longer is as good as down, and there will be another time. */
export const deliverWithinMs = 15_000

/** Of an answer: says what was wrong with a message, and is kept with it. */
export const mostAnswer = 300
