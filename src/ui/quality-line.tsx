// The line of facts about the evidence below the picture, with an explanation behind each.
import type { QualityFact } from './quality.ts'
import './quality-line.css'

export function QualityLine({ facts }: { facts: readonly QualityFact[] }) {
  if (facts.length === 0) return null
  return (
    <details className="quality">
      <summary>
        <span className="caption">Evidence</span>
        {facts.map(({ text, isBad }) => (
          <span key={text} className={isBad ? 'fact bad' : 'fact'}>
            {isBad && <span aria-hidden="true">▲ </span>}
            {text}
          </span>
        ))}
      </summary>
      <dl>
        {facts.map(({ text, means }) => (
          <div key={text}>
            <dt>{text}</dt>
            <dd>{means}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}
