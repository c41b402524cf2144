// The worker's end of `openProfile`: keeps the decoded profile, so that the page never waits for a large one.
import { asFailure } from '../model/errors.ts'
import { deskOf, type ProcessesRequest, type ProfileDesk, readProfile } from './profile-desk.ts'
import type { Slice, SliceRequest } from './slice.ts'

export type DeskQuestion =
  | { readonly call: number; readonly ask: 'open'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly call: number; readonly ask: 'slice'; readonly request: SliceRequest }
  | { readonly call: number; readonly ask: 'processes'; readonly request: ProcessesRequest }

export type DeskAnswer =
  | { readonly call: number; readonly answer: unknown }
  | { readonly call: number; readonly failure: { readonly code: string; readonly message: string } }

// The types of a page are loaded, not those of a worker; this is the part that is used.
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<DeskQuestion>) => void) | null
  postMessage(message: DeskAnswer, transfer?: Transferable[]): void
}

let desk: ProfileDesk | undefined

scope.onmessage = async ({ data }) => {
  try {
    if (data.ask === 'open') {
      desk = deskOf(await readProfile(data.bytes))
      scope.postMessage({ call: data.call, answer: desk.info })
    } else if (data.ask === 'slice') {
      const slice = await desk!.slice(data.request)
      scope.postMessage({ call: data.call, answer: slice }, columnsOf(slice))
    } else {
      scope.postMessage({ call: data.call, answer: await desk!.processes(data.request) })
    }
  } catch (error) {
    const { code, message } = asFailure(error)
    scope.postMessage({ call: data.call, failure: { code, message } })
  }
}

/** Handed over, not copied: a tree of a million nodes is 40 MB. */
function columnsOf({ tree }: Slice): Transferable[] {
  const columns = [tree.frame, tree.parent, tree.depth, tree.end, tree.self, tree.total]
  if (tree.base) columns.push(tree.base.self, tree.base.total)
  return [...new Set(columns.map((column) => column.buffer as ArrayBuffer))]
}
