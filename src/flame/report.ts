// Fills the template of the offline page (`dist/ui/report.html`) with an incident. The template holds one element
//   <script type="application/json" id="spikecam-data">null</script>
// and the page in it reads what stands there instead of asking a server.

/** What the page needs to answer itself; `embedded` is keyed as `requestKey` of src/api/client.ts writes paths. */
export interface ReportData {
  readonly incidentId: string
  /** When the file was made. */
  readonly savedMs: number
  /** Of the program that made it. */
  readonly version: string
  /** Answers by path: `/api/v1/incidents/ID`, `/api/v1/incidents/ID/series`, `/api/v1/artifacts/ID/content`. */
  readonly embedded: Readonly<Record<string, { json: unknown } | { base64: string; mediaType: string }>>
}

const slot = /(<script type="application\/json" id="spikecam-data">)[^<]*(<\/script>)/

/**
 * Puts the data into the template as JSON in which no `<` is left, so that no function name, command line or comment can
 * end the element or open another (`</script>`, `<!--`).
 * @throws Error when the template has no place for it: then it is not ours
 */
export function fillReport(template: string, data: ReportData): string {
  if (!slot.test(template)) throw new Error('the template has no element with id spikecam-data')
  // U+2028 and U+2029 are line ends to old script parsers.
  const json = JSON.stringify(data).replace(/[<\u2028\u2029]/g, escapeUnit)
  return template.replace(slot, (_, open: string, close: string) => open + json + close)
}

const escapeUnit = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
