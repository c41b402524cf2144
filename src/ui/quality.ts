// How far the picture can be trusted: each loss with its number, what it means, and what would help.

import { printNumber } from '../flame/value.ts'
import { printDurationMs } from '../lib/units.ts'
import type { Capture } from '../model/capture.ts'
import type { Loss } from '../profile/profile.ts'

export interface QualityFact {
  readonly text: string
  /** What it means and what to do. */
  readonly means: string
  readonly isBad: boolean
}

/** Up to this share of frames without names a flame graph reads well. */
const fewUnnamed = 0.1

export function qualityFacts(capture: Capture, losses: readonly Loss[] = []): QualityFact[] {
  const { quality } = capture
  if (!quality) return []
  const facts: QualityFact[] = []
  const say = (text: string, means: string, isBad = false): void => void facts.push({ text, means, isBad })
  const rates = [
    capture.ringHz && `${capture.ringHz} Hz from the ring`,
    capture.deepHz && `${capture.deepHz} Hz after the trigger`,
  ]
    .filter(Boolean)
    .join(', ')
  say(
    `${printNumber(quality.samples)} samples`,
    `Taken on the whole node while a CPU was busy${rates ? `: ${rates}` : ''}. A share of 1 % that rests on a few samples is a guess.`,
    quality.samples < 100,
  )
  say(
    `${printNumber(quality.lostSamples)} lost`,
    quality.lostSamples > 0
      ? 'The kernel dropped samples because nobody read them in time: the node was overloaded. Shares are still fair, sums are too low.'
      : 'No sample was dropped between the kernel and this page.',
    quality.lostSamples > 0,
  )
  say(
    `${share(quality.unsymbolizedShare)} without symbols`,
    quality.unsymbolizedShare > 0
      ? 'Frames for which no name was found. Stripped binaries need their debug file; Java and Node need a perf map (node --perf-basic-prof).'
      : 'Every frame has a name.',
    quality.unsymbolizedShare > fewUnnamed,
  )
  say(
    `${printNumber(quality.truncatedStacks)} truncated stacks`,
    quality.truncatedStacks > 0
      ? 'Deeper than the kernel follows (kernel.perf_event_max_stack): their outermost callers are missing, so they hang below the root.'
      : 'Every stack reaches its first caller that the kernel could follow.',
    quality.truncatedStacks > quality.samples / 20,
  )
  say(
    quality.event + (quality.eventFallback ? ' (fall-back)' : ''),
    quality.eventFallback
      ? 'Hardware counters are not to be had here, as in most virtual machines; a timer takes their place. Code that runs with interrupts off is blamed on the place where they come back on.'
      : 'The event that triggers a sample.',
    false,
  )
  const gapMs = quality.gaps.reduce((sum, gap) => sum + gap.toMs - gap.fromMs, 0)
  if (quality.gaps.length > 0) {
    const reasons = [...new Set(quality.gaps.map(({ reason }) => reason))].join('; ')
    say(`${printDurationMs(gapMs)} not recorded`, `${reasons}. What happened then is not in the picture.`, true)
  }
  const told: Readonly<Record<string, number>> = {
    'samples lost by the kernel': quality.lostSamples,
    'samples whose stack was cut at the depth limit': quality.truncatedStacks,
  }
  for (const { what, count } of losses.filter((loss) => told[loss.what] !== loss.count))
    say(`${printNumber(count)} ${what}`, 'Counted while the profile was read.', true)
  for (const note of quality.notes) say(note, 'Noted by the recorder.', false)
  return facts
}

const share = (part: number): string =>
  part === 0 ? '0 %' : part < 0.001 ? '<0.1 %' : `${Number((part * 100).toPrecision(2))} %`
