// Entry of the offline page: the same incident page, answered from the data that the file carries.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createClient, type Embedded } from '../api/client.ts'
import type { ReportData } from '../flame/report.ts'
import { TopBar } from './app.tsx'
import { SourceContext } from './client-context.tsx'
import { IncidentPage } from './incident-page.tsx'
import './styles.css'
import { applyTheme } from './theme.ts'

applyTheme()
const root = createRoot(document.getElementById('root') as HTMLElement)
const data = JSON.parse(document.getElementById('spikecam-data')?.textContent ?? 'null') as ReportData | null

if (data) {
  const source = { client: createClient({ embedded: data.embedded as Embedded }), saved: data }
  root.render(
    <StrictMode>
      <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
        <SourceContext value={source}>
          <TopBar>
            <span className="saved">
              saved {new Date(data.savedMs).toLocaleString()} by spikecam {data.version}
            </span>
          </TopBar>
          <IncidentPage id={data.incidentId} isLive={false} />
        </SourceContext>
      </QueryClientProvider>
    </StrictMode>,
  )
} else {
  root.render(<p className="wait">This is the template of the offline page; no incident was put into it.</p>)
}
