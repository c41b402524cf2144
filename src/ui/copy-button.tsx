// Copies a text and says so.
import { useState } from 'react'

export function CopyButton({ text, label, children = 'copy' }: { text: string; label: string; children?: string }) {
  const [said, setSaid] = useState('')
  return (
    <button
      type="button"
      className="copy"
      aria-label={label}
      onClick={async () => {
        setSaid((await copyText(text)) ? 'copied' : 'press Ctrl+C')
        setTimeout(() => setSaid(''), 2000)
      }}
    >
      <span aria-live="polite">{said || children}</span>
    </button>
  )
}

/** Pages over plain HTTP from another machine have no clipboard API; selecting a text field works everywhere. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const field = document.createElement('textarea')
    field.value = text
    field.className = 'unseen'
    document.body.append(field)
    field.select()
    const isCopied = document.execCommand('copy')
    field.remove()
    return isCopied
  }
}
