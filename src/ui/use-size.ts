// The size of an element as React state.
import { type RefObject, useLayoutEffect, useState } from 'react'

export interface Size {
  readonly width: number
  readonly height: number
}

export function useSize(element: RefObject<HTMLElement | null>): Size {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 })
  useLayoutEffect(() => {
    const now = element.current
    if (!now) return
    const read = (): void =>
      setSize((old) =>
        old.width === now.clientWidth && old.height === now.clientHeight
          ? old
          : { width: now.clientWidth, height: now.clientHeight },
      )
    read()
    const observer = new ResizeObserver(read)
    observer.observe(now)
    return () => observer.disconnect()
  }, [element])
  return size
}
