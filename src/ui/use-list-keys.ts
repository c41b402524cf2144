// Keys of the list of incidents: `/` to the search, arrows from row to row, Esc takes back what was typed.
import { type RefObject, useEffect } from 'react'

export function useListKeys(search: RefObject<HTMLInputElement | null>, clear: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
      const target = event.target as HTMLElement
      const box = search.current
      if (event.key === '/' && !target.matches('input, select, textarea')) {
        // The slash would be the first letter of the search.
        event.preventDefault()
        box?.focus()
        box?.select()
      } else if (event.key === 'Escape' && target === box) {
        event.preventDefault()
        if (box.value) clear()
        else box.blur()
      } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
        const next = neighbour(target, box, event.key === 'ArrowDown' ? 1 : -1)
        if (!next) return
        event.preventDefault()
        next.focus()
      }
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [search, clear])
}

/** From the search to the first row and back; undefined where arrows have another meaning, or at the end. */
function neighbour(target: HTMLElement, box: HTMLInputElement | null, step: 1 | -1): HTMLElement | null | undefined {
  const rows = [...document.querySelectorAll<HTMLElement>('.list .row')]
  const at = target === box ? -1 : rows.indexOf(target)
  if (at < 0 && target !== box) return undefined
  return at + step < 0 ? (at === 0 ? box : undefined) : rows[at + step]
}
