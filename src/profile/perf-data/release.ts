// Memory of large arrays given back at once: the garbage collector counts objects, and comes late for an array of 20 MB.

interface Transferable {
  /** Since Node 21: moves the bytes to a new buffer, of which 0 are wanted here. */
  transfer?: (bytes: number) => unknown
}

/** The arrays are empty from now on. Without `transfer` the garbage collector does it in time. */
export function release(...arrays: readonly { readonly buffer: ArrayBufferLike }[]): void {
  for (const { buffer } of arrays) (buffer as Transferable).transfer?.(0)
}
