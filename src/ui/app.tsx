// Which page is shown, and what all pages have in common.
import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useSource } from './client-context.tsx'
import { IncidentPage } from './incident-page.tsx'
import { IncidentsPage } from './incidents-page.tsx'
import { useLiveEvents } from './queries.ts'
import { useLinkHandler, usePath } from './router.ts'
import { chooseTheme, useTheme } from './theme.ts'

export function App() {
  const queries: QueryClient = useQueryClient()
  const { client } = useSource()
  const isLive = useLiveEvents(client, queries)
  const path = usePath()
  const incident = /^\/incidents\/([^/]+)\/?$/.exec(path)
  return (
    <>
      <TopBar>
        <span
          className={isLive ? 'live on' : 'live'}
          title={
            isLive
              ? 'Changes come in as they happen.'
              : 'The stream of changes is cut; this page asks every few seconds.'
          }
        >
          {isLive ? 'live' : 'polling'}
        </span>
      </TopBar>
      {incident ? (
        <IncidentPage key={incident[1]} id={decodeURIComponent(incident[1]!)} isLive={isLive} />
      ) : path === '/' || path === '/incidents' ? (
        <IncidentsPage isLive={isLive} />
      ) : (
        <main>
          <p className="wait">
            There is no page here; <a href="/">all incidents</a> are.
          </p>
        </main>
      )}
    </>
  )
}

export function TopBar({ children }: { children?: ReactNode }) {
  const theme = useTheme()
  const onClick = useLinkHandler()
  const { saved } = useSource()
  const mark = (
    <>
      <svg viewBox="0 0 32 20" width="29" height="18" aria-hidden="true">
        <path
          d="M1 15h7l3-13 5 16 3-8h12"
          fill="none"
          stroke="currentColor"
          strokeWidth="2.6"
          strokeLinejoin="round"
          strokeLinecap="round"
        />
      </svg>
      Spikecam
    </>
  )
  return (
    <header className="top-bar">
      {saved ? (
        <span className="brand">{mark}</span>
      ) : (
        <a className="brand" href="/" onClick={onClick}>
          {mark}
        </a>
      )}
      <span className="grow" />
      {children}
      <button
        type="button"
        className="quiet"
        onClick={() => chooseTheme(theme === 'dark' ? 'light' : 'dark')}
        aria-label={theme === 'dark' ? 'Switch to light colours' : 'Switch to dark colours'}
      >
        {theme === 'dark' ? '☀' : '☾'}
      </button>
    </header>
  )
}
