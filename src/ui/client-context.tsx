// Where data comes from: a server, or what an offline page carries with it.
import { createContext, useContext } from 'react'
import type { Client } from '../api/client.ts'

export interface Source {
  readonly client: Client
  /** Set in an offline page: when it was made and by which version. */
  readonly saved?: { readonly savedMs: number; readonly version: string }
}

export const SourceContext = createContext<Source | undefined>(undefined)

export function useSource(): Source {
  const source = useContext(SourceContext)
  if (!source) throw new Error('no source of data around this component')
  return source
}
