// A text that a probe brought, such as a dump of goroutines: closed until somebody wants it, and loaded only then.
import { useState } from 'react'
import type { Artifact } from '../model/capture.ts'
import { shortName } from './evidence-file.ts'
import { useFileText } from './queries.ts'
import { Trouble } from './trouble.tsx'

/** A page with more lines than this is no help, and slow. */
const maxLines = 2000

export function TextFile({ file, isOpen }: { file: Artifact; isOpen: boolean }) {
  const [wanted, setWanted] = useState(isOpen)
  const text = useFileText(wanted ? file : undefined)
  const lines = text.data?.trimEnd().split('\n') ?? []
  return (
    <details open={isOpen} onToggle={(event) => event.currentTarget.open && setWanted(true)}>
      <summary>Read {shortName(file)}</summary>
      {text.error && <Trouble error={text.error} doing={`Loading ${shortName(file)}`} />}
      {text.data !== undefined && (
        <pre>
          {lines.slice(0, maxLines).join('\n')}
          {lines.length > maxLines && `\n… ${lines.length - maxLines} more lines are in the file`}
        </pre>
      )}
    </details>
  )
}
