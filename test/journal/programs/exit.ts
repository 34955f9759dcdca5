import { configure, job } from '../../../src/index.ts'

// Defers a job, and ends itself in the same turn.
configure({ journal: String(process.argv[2]) })
const Hang = job('hang', (_what: string) => {})
Hang.defer('left')
process.exit(0)
