// What could not be read or kept, counted by what it is.
import type { Loss } from './profile.ts'

export class Losses {
  private readonly byText = new Map<string, Loss>()

  /** Losses of the same kind become one; none of something is no loss. */
  add({ what, count, isCut = false }: Loss): void {
    if (count <= 0) return
    const before = this.byText.get(what)
    const cut = isCut || before?.isCut ? { isCut: true as const } : {}
    this.byText.set(what, { what, count: (before?.count ?? 0) + count, ...cut })
  }

  addAll(losses: readonly Loss[]): void {
    for (const loss of losses) this.add(loss)
  }

  toList(): Loss[] {
    return [...this.byText.values()]
  }
}

/** The input ended before it was whole, so more is missing than can be counted. */
export const isPartial = (losses: readonly Loss[]): boolean => losses.some(({ isCut }) => isCut === true)
