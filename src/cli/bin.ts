#!/usr/bin/env node
import { requireNode } from '../node-version.ts'
import { complain } from './terminal.ts'

// Before the program is loaded, parts of which an older Node does not even know.
try {
  requireNode()
  void import('./main.ts')
} catch (error) {
  complain((error as Error).message)
  process.exitCode = 1
}
