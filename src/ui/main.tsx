// Entry of the app: a client for the server that served the page.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createClient } from '../api/client.ts'
import { asFailure } from '../model/errors.ts'
import { App } from './app.tsx'
import { SourceContext } from './client-context.tsx'
import './styles.css'
import { applyTheme } from './theme.ts'

applyTheme()
// Once more for a connection that broke; what is not there will not be there in a second either.
const retry = (failed: number, error: Error): boolean => failed < 1 && asFailure(error).code !== 'NOT_FOUND'
const queries = new QueryClient({ defaultOptions: { queries: { retry, refetchOnWindowFocus: true } } })
const source = { client: createClient() }

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <SourceContext value={source}>
        <App />
      </SourceContext>
    </QueryClientProvider>
  </StrictMode>,
)
