// Questions that wait for their answers: each has a number, under which its answer comes back, and a deadline.

interface Waiting<T> {
  readonly resolve: (answer: T) => void
  readonly reject: (error: Error) => void
  readonly timer: ReturnType<typeof setTimeout>
}

export class OpenCalls<T> {
  readonly #waiting = new Map<number, Waiting<T>>()
  #next = 1

  /**
   * @param send asks under this number
   * @param late what the call fails with when nothing has come back by then
   */
  open(send: (id: number) => void, { withinMs, late }: { withinMs: number; late: () => Error }): Promise<T> {
    const id = this.#next++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.reject(id, late()), withinMs)
      this.#waiting.set(id, { resolve, reject, timer })
      send(id)
    })
  }

  /** An answer to nothing that waits is passed over, as is that of a call which was given up. */
  resolve(id: number, answer: T): void {
    this.#take(id)?.resolve(answer)
  }

  reject(id: number, error: Error): void {
    this.#take(id)?.reject(error)
  }

  /** Nothing comes back any more. */
  rejectAll(error: Error): void {
    for (const id of [...this.#waiting.keys()]) this.reject(id, error)
  }

  #take(id: number): Waiting<T> | undefined {
    const waiting = this.#waiting.get(id)
    clearTimeout(waiting?.timer)
    this.#waiting.delete(id)
    return waiting
  }
}
