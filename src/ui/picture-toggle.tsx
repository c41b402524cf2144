// Diff, during or before: which of the three pictures is shown.
import { type Picture, pictures } from './view-state.ts'

export const pictureNames: Record<Picture, string> = { diff: 'Diff', during: 'During', before: 'Before' }
const pictureHints: Record<Picture, string> = {
  diff: 'Widths: the time that is looked at. Colours: change against the baseline.',
  during: 'Widths: the time that is looked at. Colours: where the code comes from.',
  before: 'Widths: in the baseline. Colours: where the code comes from.',
}

export interface PictureToggleProps {
  readonly picture: Picture
  /** False: there is nothing to compare with. */
  readonly hasBase: boolean
  onPicture(picture: Picture): void
}

export function PictureToggle({ picture, hasBase, onPicture }: PictureToggleProps) {
  return (
    <fieldset className="toggle">
      <legend className="unseen">Picture</legend>
      {pictures.map((one) => (
        <button
          key={one}
          type="button"
          aria-pressed={picture === one}
          disabled={!hasBase && one !== 'during'}
          title={hasBase ? pictureHints[one] : 'The evidence holds no quiet time before the rise to compare with.'}
          onClick={() => onPicture(one)}
        >
          {pictureNames[one]}
        </button>
      ))}
    </fieldset>
  )
}
