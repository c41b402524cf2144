// The line above the picture that always says what the pointer or the keyboard is at, in the same place.
import type { SampleScale } from '../flame/change.ts'
import { isSignificant } from '../flame/change.ts'
import { printRatio, printValue } from '../flame/value.ts'
import { printShare } from '../lib/units.ts'
import type { CallTree } from '../profile/call-tree.ts'
import { CopyButton } from './copy-button.tsx'
import type { Pointed } from './flame-view.tsx'

export interface FrameDetailsProps {
  readonly tree: CallTree
  readonly pointed: Pointed | undefined
  /** Node that the keyboard is at, -1 = none: its actions are shown. */
  readonly cursor: number
  /** What 100 % is. */
  readonly whole: number
  readonly scale: SampleScale
  /** `0.42 cores`, `3.1 MB` */
  amount(value: number): string
  onFocus(name: string): void
  onIgnore(name: string): void
  onSearch(name: string): void
}

export function FrameDetails(props: FrameDetailsProps) {
  const { tree, pointed, cursor, whole } = props
  if (pointed?.rest) {
    const { count, from, to } = pointed.rest
    return (
      <output className="details">
        <span className="name">{count} functions too small to draw</span>
        <span className="number">
          together <b>{printShare(to - from, whole)}</b>
        </span>
        <span className="hint">click to see them</span>
      </output>
    )
  }
  const node = pointed?.node ?? cursor
  if (node < 0 || node >= tree.length) {
    return (
      <output className="details">
        <span className="hint by-pointer">
          Point at a box to read its numbers. Click zooms, <kbd>Esc</kbd> resets, arrows move, <kbd>/</kbd> searches,{' '}
          <kbd>?</kbd> shows all keys.
        </span>
        <span className="hint by-finger">Tap a box to read its numbers and to zoom into it.</span>
      </output>
    )
  }
  return <NodeDetails {...props} node={node} />
}

function NodeDetails(props: FrameDetailsProps & { node: number }) {
  const { tree, node, cursor, whole, scale, amount } = props
  const name = node === 0 ? 'all' : tree.frames.name[tree.frame[node]!] || '[unknown]'
  const module = node === 0 ? '' : tree.frames.module[tree.frame[node]!]!
  const [total, self] = [tree.total[node]!, tree.self[node]!]
  const before = tree.base?.total[node]
  return (
    <output className="details">
      <span className="name" title={name}>
        {name}
      </span>
      {module && <span className="module">{module}</span>}
      <span className="number" title={printValue(total, tree.unit)}>
        total <b>{printShare(total, whole)}</b> {amount(total)}
      </span>
      <span className="number" title={printValue(self, tree.unit)}>
        self <b>{printShare(self, whole)}</b>
      </span>
      {before !== undefined && (
        <span className={`number ${changeClass(total, before, scale)}`}>
          before {amount(before)}{' '}
          <b>{isSignificant(total, before, scale) ? printRatio(total, before) : 'no proven change'}</b>
        </span>
      )}
      {cursor === node && node > 0 && (
        <span className="actions">
          <CopyButton text={name} label={`Copy the name ${name}`}>
            copy name
          </CopyButton>
          <button type="button" onClick={() => props.onSearch(name)}>
            search
          </button>
          <button type="button" onClick={() => props.onFocus(name)} title="Only stacks in which this function is">
            only this
          </button>
          <button type="button" onClick={() => props.onIgnore(name)} title="Leave out stacks in which this function is">
            without this
          </button>
        </span>
      )}
    </output>
  )
}

function changeClass(during: number, before: number, scale: SampleScale): string {
  if (!isSignificant(during, before, scale)) return ''
  return during > before ? 'more' : 'less'
}
