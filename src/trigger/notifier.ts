// Who is told when evidence is ready, as the rules name them.
//
//   notify:
//     oncall: { slack: https://hooks.slack.com/services/… }
//     ops: { webhook: https://ops/hook, template: '{"text": "{{workload}} burned in {{top}}: {{link}}"}' }
//     mail: { smtp: smtp://mail:25, from: spikecam@example.com, to: [sre@example.com] }
import { z } from 'zod'

const WebAddress = z.url({ protocol: /^https?$/ })

const Slack = z.strictObject({ slack: WebAddress })
const Webhook = z.strictObject({
  webhook: WebAddress,
  /** Body, with `{{field}}` for what is known of the incident; texts are escaped for JSON. */
  template: z.string().optional(),
  headers: z.record(z.string(), z.string()).default({}),
})
const Mail = z.strictObject({
  smtp: z.url({ protocol: /^smtps?$/ }),
  from: z.email(),
  to: z.array(z.email()).min(1),
})

export const Notifier = z.union([Slack, Webhook, Mail])
export type Notifier = z.infer<typeof Notifier>
