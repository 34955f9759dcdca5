import { defer } from '../../../src/index.ts'

// Tasks fail, and nobody listens to reports: they are printed.

const errors = [
  new Error('short'),
  new Error('x'.repeat(20_000_000)),
  new Error('caused', { cause: new Error('y'.repeat(20_000_000)) }),
]
for (const error of errors) defer(() => Promise.reject(error))
