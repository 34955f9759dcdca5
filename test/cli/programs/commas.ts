import { configure, job } from '../../../src/index.ts'

// Jobs of which one has a name that also reads as two.
configure({ journal: String(process.env.JOBS_FOLDER) })
for (const name of ['a', 'b', 'a,b']) job(name, () => {})
