// The title of the page, as tabs, histories and bookmarks show it.
import { useEffect } from 'react'

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title
  }, [title])
}
