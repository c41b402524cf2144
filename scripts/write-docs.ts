// `npm run docs`: writes the pages that are generated from tables in the source. A test compares them.
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { renderConfigDoc } from '../src/cli/help.ts'
import { renderErrorsDoc } from './errors-doc.ts'

const docs = resolve(import.meta.dirname, '../docs')
writeFileSync(resolve(docs, 'config.md'), renderConfigDoc())
writeFileSync(resolve(docs, 'errors.md'), renderErrorsDoc())
