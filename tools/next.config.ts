import type { NextConfig } from 'next'

/** The configuration of an app that `NextBuild` builds and that has none of its own. */
export default {
  // The packages are links into another folder.
  turbopack: { root: '/' },
  outputFileTracingRoot: '/',
  typescript: { ignoreBuildErrors: true },
} satisfies NextConfig
