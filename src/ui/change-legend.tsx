// What the colours of the picture mean.
import { changeNone, changePalette, frameKinds, kindLabel, originPalette } from '../flame/color.ts'
import type { CallTree } from '../profile/call-tree.ts'
import { useTheme } from './theme.ts'

export function ChangeLegend() {
  const palette = changePalette(useTheme())
  return (
    <span className="legend">
      less
      {palette.slice(0, changeNone * 2 + 1).map(({ css }) => (
        <span key={css} className="swatch" style={{ background: css }} />
      ))}
      more than before
    </span>
  )
}

export function OriginLegend({ tree }: { tree: CallTree }) {
  const palette = originPalette(useTheme())
  const seen = new Set(tree.frames.kind)
  return (
    <span className="legend">
      {frameKinds.map(
        (kind, i) =>
          seen.has(kind) && (
            <span key={kind}>
              <span className="swatch" style={{ background: palette[i * 5 + 2]!.css }} /> {kindLabel(kind)}
            </span>
          ),
      )}
    </span>
  )
}
