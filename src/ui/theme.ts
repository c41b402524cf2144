// Light or dark: as the system says, until the person says otherwise; remembered per browser.
import { useSyncExternalStore } from 'react'
import type { Theme } from '../flame/color.ts'

export type ThemeChoice = Theme | 'system'

const key = 'spikecam.theme'
const changed = 'spikecam:theme'
const system = matchMedia('(prefers-color-scheme: dark)')

function readChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(key)
    return stored === 'light' || stored === 'dark' ? stored : 'system'
  } catch {
    return 'system' // storage is forbidden, as for a file in some browsers: only the memory of the choice is lost
  }
}

let choice = readChoice()

const readTheme = (): Theme => (choice === 'system' ? (system.matches ? 'dark' : 'light') : choice)

/** Puts the theme on the page; style sheet and canvas follow it. */
export function applyTheme(): void {
  document.documentElement.dataset.theme = readTheme()
}

export function chooseTheme(next: ThemeChoice): void {
  choice = next
  try {
    if (next === 'system') localStorage.removeItem(key)
    else localStorage.setItem(key, next)
  } catch {
    // As above.
  }
  applyTheme()
  dispatchEvent(new Event(changed))
}

function subscribe(listener: () => void): () => void {
  const onSystem = (): void => {
    applyTheme()
    listener()
  }
  system.addEventListener('change', onSystem)
  addEventListener(changed, listener)
  return () => {
    system.removeEventListener('change', onSystem)
    removeEventListener(changed, listener)
  }
}

export const useTheme = (): Theme => useSyncExternalStore(subscribe, readTheme)
