// What a Prometheus does to the pods of the demo, and what drives one of them to the limit of its CPU.
import { Agent, get } from 'node:http'

export interface Scraper {
  close(): void
}

/** Asks every address in turn, each once in `everyMs`; what fails is a pod that is not there, and the next turn's matter. */
export function startScraper(urls: readonly string[], everyMs: number): Scraper {
  let next = 0
  const timer = setInterval(() => {
    const url = urls[next++ % urls.length] as string
    void fetch(url)
      .then((response) => response.arrayBuffer())
      .catch(() => undefined)
  }, everyMs / urls.length)
  return { close: () => clearInterval(timer) }
}

/** Enough to keep two cores of the exporter busy while others wait for its redis, so that its limit is what holds it. */
const connections = 6

/** Scrapes one address as fast as it answers. @returns how often it did */
export async function hammer(url: string, forMs: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const untilMs = performance.now() + forMs
  let answers = 0
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      // Compressing the answer is the exporter's work too.
      get(url, { agent, headers: { 'accept-encoding': 'gzip' } }, (response) => {
        response.resume()
        response.once('end', resolve)
      }).once('error', reject)
    })
  const client = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      await ask()
      answers++
    }
  }
  try {
    await Promise.all(Array.from({ length: connections }, client))
  } finally {
    agent.destroy()
  }
  return answers
}
