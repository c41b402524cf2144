// Formats that share the beginnings of stacks (trees, opening and closing events) are far smaller than the stacks
// they stand for: a hostile file of a megabyte can mean a terabyte of frames. Real ones stay below this.
import { Failure } from '../model/errors.ts'

/** Frames that any file may have: 16 MB. */
const freeFrames = 4 << 20

export class StackBudget {
  private left: number
  private readonly limit: number

  /** One frame per byte: in real files a node or an event takes a hundred bytes and its stack some forty frames. */
  constructor(sizeBytes: number) {
    this.limit = freeFrames + sizeBytes
    this.left = this.limit
  }

  /** @throws Failure TOO_LARGE when the stacks made so far have more frames than the file may */
  spend(frames: number): void {
    this.left -= frames
    if (this.left < 0) {
      throw new Failure(
        'TOO_LARGE',
        `The stacks have more than ${this.limit} frames, too many for a file of this size.`,
      )
    }
  }
}
