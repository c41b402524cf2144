// Data in the offline page cannot become markup.
import { expect, test } from 'vitest'
import { fillReport, type ReportData } from './report.ts'

const template = '<body><script type="application/json" id="spikecam-data">null</script><script>app()</script></body>'
const data: ReportData = {
  incidentId: 'inc-1',
  savedMs: 0,
  version: '1',
  embedded: {
    '/api/v1/incidents/inc-1': { json: { cmdline: '</script><script>alert(1)</script> <!-- $& $1 \u2028' } },
  },
}

test('what was put in comes out, and the page has as many elements as before', () => {
  const page = fillReport(template, data)
  expect(page.match(/<script/g)).toHaveLength(2)
  expect(page.match(/<\/script>/g)).toHaveLength(2)
  expect(page).not.toContain('<!--')
  const json = /spikecam-data">([^<]*)</.exec(page)![1]!
  expect(JSON.parse(json)).toEqual(data)
})

test('a file that is not the template is refused', () => {
  expect(() => fillReport('<html></html>', data)).toThrow('spikecam-data')
})
