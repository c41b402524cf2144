// From the option table to what the agent takes.
import type { Logger } from 'pino'
import type { Options } from '../config.ts'
import { defaultCaptureLimits } from '../trigger/limits.ts'
import { defaultSpikeRule } from '../trigger/spike.ts'
import type { AgentOptions } from './agent.ts'

export interface AgentPlace {
  readonly serverUrl: string
  readonly token?: string | undefined
  readonly version: string
  /** The program file, which is also its own worker. */
  readonly program: URL
  readonly log: Logger
}

export function agentOptions(options: Options, { token, ...place }: AgentPlace): AgentOptions {
  return {
    ...place,
    ...(token ? { token } : {}),
    node: options.node,
    ...(options.criSocket ? { criSocket: options.criSocket } : {}),
    dataDir: options.dataDir,
    recorder: {
      ringHz: options.ringHz,
      deepHz: options.deepHz,
      keepMs: options.ringSeconds * 1000,
      maxBytes: options.ringBytes,
      event: options.event,
      perf: options.perf,
    },
    rule: {
      name: defaultSpikeRule.name,
      levelCores: options.spikeLevel,
      holdMs: options.spikeHoldMs,
      jumpFactor: options.spikeJumpFactor,
      jumpCores: options.spikeJump,
      cooldownMs: options.spikeCooldownMs,
    },
    usageIntervalMs: options.usageIntervalMs,
    lookBackMs: options.captureLookBackMs,
    forMs: options.captureForMs,
    limits: { ...defaultCaptureLimits, perNode: options.capturesPerNode },
  }
}
