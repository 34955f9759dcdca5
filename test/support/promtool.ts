import { spawnSync } from 'node:child_process'

/** The machine has promtool, which Debian's package `prometheus` brings. */
export const hasPromtool = spawnSync('promtool', ['--version']).status === 0
