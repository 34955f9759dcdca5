import { job } from '../../../src/index.ts'

// A module that has forgotten its journal.
job('say', () => {})
