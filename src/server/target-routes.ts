// Who runs on the nodes and who burns: asked of their agents at the moment of the request, since nothing of it is kept.
import { routes } from '../api/routes.ts'
import type { UsageAnswer } from '../api/shapes.ts'
import { askNodes, findCandidates, listRows } from './ask-nodes.ts'
import type { App, ServerContext } from './context.ts'

export function mountTargets(app: App, { agents }: ServerContext): void {
  app.openapi(routes.listProcesses, async (c) => c.json(await listRows(agents, c.req.valid('query')), 200))

  app.openapi(routes.whois, async (c) => c.json(await listRows(agents, c.req.valid('query')), 200))

  app.openapi(routes.getUsage, async (c) => {
    const { answers, silent } = await askNodes(agents, c.req.valid('query').node, { about: 'usage' })
    const nodes = answers.map(({ node, answer: { cpus, cores, rows } }) => ({ node, cpus, cores, rows }))
    return c.json({ nodes, silent } satisfies UsageAnswer, 200)
  })

  app.openapi(routes.findTargets, async (c) => c.json(await findCandidates(agents, c.req.valid('query')), 200))
}
