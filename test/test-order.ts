// In which order test files begin. Those that run real programs mostly wait, those that compute do not: side by side
// they keep two cores busy, one kind after the other does not.
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Small files of long tests: Vitest begins with large files, where it has not seen yet how long each takes. */
const long = ['test/fuzz.test.ts', 'test/recordings/']

export class TestOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }: TestSpecification): boolean => long.some((path) => moduleId.includes(path))
    const of = (project: string): TestSpecification[] => {
      const some = sorted.filter((file) => file.project.name === project)
      return [...some.filter(isLong), ...some.filter((file) => !isLong(file))]
    }
    const spread = [
      // None of the long ones shall be the last: it would run alone.
      ...of('programs').map((file, i, { length }) => ({ file, at: (0.6 * i) / length })),
      ...of('unit').map((file, i, { length }) => ({ file, at: i / length })),
    ]
    return [...spread.sort((a, b) => a.at - b.at).map(({ file }) => file), ...of('alone')]
  }
}
