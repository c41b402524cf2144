// Keys that work anywhere on the page of an incident, except while something is typed; key-help.tsx lists them.
import { useEffect, useRef } from 'react'
import type { ChangeView } from './use-view.ts'
import type { View } from './view-state.ts'

export interface PanelKeys {
  readonly view: View
  readonly changeView: ChangeView
  focusSearch(): void
  goToMatch(step: 1 | -1): void
  showHelp(): void
}

export function usePanelKeys(keys: PanelKeys): void {
  const latest = useRef(keys)
  latest.current = keys
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
      const target = event.target as Element
      // The card of keys, lists to choose from and notes have keys of their own.
      if (target.closest?.('dialog, select, .note-form')) return
      if (event.key === 'Escape') stepBack(target, latest.current)
      else if (Object.hasOwn(actions, event.key) && !(target instanceof HTMLInputElement)) {
        // The slash would be the first letter of the search.
        event.preventDefault()
        actions[event.key]!(latest.current)
      }
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
}

/** Esc undoes what was done last in sight: the search while one types, then the zoom, then the search. */
function stepBack(target: Element, { view, changeView }: PanelKeys): void {
  if (target instanceof HTMLInputElement && !view.search) target.blur()
  else if (target instanceof HTMLInputElement) changeView({ search: undefined }, { replace: true })
  else if (view.zoom) changeView({ zoom: undefined })
  else if (view.search) changeView({ search: undefined })
}

const actions: Record<string, (keys: PanelKeys) => void> = {
  '/': ({ focusSearch }) => focusSearch(),
  n: ({ goToMatch }) => goToMatch(1),
  N: ({ goToMatch }) => goToMatch(-1),
  i: ({ view, changeView }) => changeView({ rootAt: view.rootAt === 'top' ? 'bottom' : 'top' }),
  d: ({ changeView }) => changeView({ picture: 'diff' }),
  a: ({ changeView }) => changeView({ picture: 'during' }),
  b: ({ changeView }) => changeView({ picture: 'before' }),
  '?': ({ showHelp }) => showHelp(),
}
