// Pages and views are addresses: the path says which page, the query string says everything about its view.
import { type MouseEvent, useCallback, useSyncExternalStore } from 'react'

const changed = 'spikecam:address'

function subscribe(listener: () => void): () => void {
  addEventListener('popstate', listener)
  addEventListener(changed, listener)
  return () => {
    removeEventListener('popstate', listener)
    removeEventListener(changed, listener)
  }
}

export interface GoOptions {
  /** Replaces the entry in the history: for what follows the pointer, such as typing in the search box. */
  readonly replace?: boolean
}

/** The offline page has one path only; its view stands behind `#`, because `file:` URLs keep no other state on reload. */
const isFile = (): boolean => location.protocol === 'file:'

export function go(address: string, { replace = false }: GoOptions = {}): void {
  const target = isFile() ? `#${address.includes('?') ? address.slice(address.indexOf('?') + 1) : ''}` : address
  if (replace) history.replaceState(null, '', target)
  else history.pushState(null, '', target)
  dispatchEvent(new Event(changed))
}

const readPath = (): string => (isFile() ? '/' : location.pathname)
const readQuery = (): string => (isFile() ? location.hash.slice(1) : location.search.slice(1))

export const usePath = (): string => useSyncExternalStore(subscribe, readPath)
export const useQuery = (): string => useSyncExternalStore(subscribe, readQuery)

/** Click handler of links inside the app: the browser's own ways (new tab, download) stay as they are. */
export function useLinkHandler(): (event: MouseEvent<HTMLAnchorElement>) => void {
  return useCallback((event) => {
    const { href, target } = event.currentTarget
    if (event.defaultPrevented || event.button !== 0 || target === '_blank') return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    if (new URL(href).origin !== location.origin) return
    event.preventDefault()
    go(href.slice(location.origin.length))
    scrollTo(0, 0)
  }, [])
}
