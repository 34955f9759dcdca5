import type { NextConfig } from 'next'

export default {
  // The packages are links into another folder.
  turbopack: { root: '/' },
  outputFileTracingRoot: '/',
  typescript: { ignoreBuildErrors: true },
} satisfies NextConfig
