// The view of an incident, kept in the address: reading it, and changing parts of it.
import { useCallback, useMemo } from 'react'
import { go, usePath, useQuery } from './router.ts'
import { changed, parseView, printView, type View, type ViewChange } from './view-state.ts'

/** Changes of the view are addresses: `replace` for what follows every key or pointer move. */
export type ChangeView = (change: ViewChange, options?: { replace?: boolean }) => void

export function useView(): [View, ChangeView] {
  const query = useQuery()
  const path = usePath()
  const view = useMemo(() => parseView(query), [query])
  const change = useCallback<ChangeView>(
    (next, { replace = false } = {}) => {
      const printed = printView(changed(view, next))
      if (printed !== query) go(printed ? `${path}?${printed}` : path, { replace })
    },
    [view, path, query],
  )
  return [view, change]
}
