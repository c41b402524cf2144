// What was lost before a file was written travels in it, so that who reads it is told as who wrote it was. Formats with
// free text for people have it as a line (`go tool pprof -comments` prints it), formats in JSON as a list:
//   lost: 12 samples lost by the kernel
//   lost, cut off: 4096 bytes behind the damage that were not read
//   "losses": [{"what": "samples lost by the kernel", "count": 12}]
import { isArray, isObject, type JsonObject } from './bounded-json.ts'
import type { Loss } from './profile.ts'

/** A loss as one line, without its end. */
export function printLoss({ what, count, isCut }: Loss): string {
  return `lost${isCut ? ', cut off' : ''}: ${count} ${what.replaceAll(/[\r\n]+/g, ' ')}`
}

/** The loss that a line tells of; undefined for every other comment. */
export function readLoss(line: string): Loss | undefined {
  // 15 digits are below 2^53.
  const match = /^lost(, cut off)?: (\d{1,15}) (.+)$/.exec(line)
  if (!match) return undefined
  return { what: match[3]!, count: Number(match[2]), ...(match[1] !== undefined && { isCut: true }) }
}

/** Comments that are comments, and those that are losses. */
export function splitComments(lines: readonly string[]): { comments: string[]; losses: Loss[] } {
  const comments: string[] = []
  const losses: Loss[] = []
  for (const line of lines) {
    const loss = readLoss(line)
    if (loss) losses.push(loss)
    else comments.push(line)
  }
  return { comments, losses }
}

/**
 * The fields of a JSON file that only we read: losses and comments, where there are any. With a comma before each.
 * @returns `,"comments":["…"],"losses":[{"what":"…","count":1}]`
 */
export function printRemarks({ comments, losses }: { comments: readonly string[]; losses: readonly Loss[] }): string {
  const commentText = comments.length > 0 ? `,"comments":${JSON.stringify(comments)}` : ''
  return losses.length > 0 ? `${commentText},"losses":${JSON.stringify(losses)}` : commentText
}

/** Reads what `printRemarks` wrote; whatever else stands there is passed over. */
export function readRemarks(json: JsonObject): { comments: string[]; losses: Loss[] } {
  const comments = (isArray(json.comments) ? json.comments : []).filter((item) => typeof item === 'string')
  const losses = (isArray(json.losses) ? json.losses : []).flatMap((item): Loss[] => {
    if (!isObject(item) || typeof item.what !== 'string' || !Number.isSafeInteger(item.count)) return []
    return [{ what: item.what, count: item.count as number, ...(item.isCut === true && { isCut: true }) }]
  })
  return { comments, losses }
}
