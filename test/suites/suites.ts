import type { nodes } from '../../tools/nodes.ts'

/** The way in which the files of a suite are run, and their tests told apart. In `scripts` each file is one test. */
type Runner = 'mocha' | 'node:test' | 'scripts'

/** The suite of another project. */
export interface Suite {
  readonly runner: Runner
  /** The release of Node that runs it. @default 24 */
  readonly node?: keyof typeof nodes
  /** The package whose tarball holds the tests. Without one, the sources of a release have to be given. */
  readonly tarball?: string
  /** Globs of the files with tests, within the sources. */
  readonly files: readonly string[]
  /** Files that test other things, or need what this script does not bring. */
  readonly without?: RegExp
  /** Packages that the tests import, besides those that the project depends on. */
  readonly needs?: readonly string[]
  /** Arguments of the runner. */
  readonly args?: readonly string[]
  /** The files with tests that have to differ, and why. The page `docs/sent.md` names them too. */
  readonly differs?: Readonly<Record<string, string>>
}

const mocha = 'mocha@10'

export const suites: Readonly<Record<string, Suite>> = {
  fastify: {
    runner: 'node:test',
    tarball: 'fastify@5',
    files: ['test/**/*.test.js'],
    without: /bundler|types|internals\/version|test\/listen/,
    needs: [
      ...['@fastify/pre-commit', '@sinonjs/fake-timers', 'ajv', 'ajv-errors', 'ajv-formats', 'ajv-i18n'],
      ...['ajv-merge-patch', 'fast-json-body', 'fastify-plugin', 'fluent-json-schema', 'h2url', 'http-errors'],
      ...['joi', 'JSONStream', 'node-forge', 'proxyquire', 'split2', 'typebox', 'undici@7', 'vary', 'yup'],
    ],
  },
  express: {
    runner: 'mocha',
    files: ['test/*.js'],
    needs: [
      mocha,
      ...['supertest@6', 'after@0.8', 'cookie-parser', 'cookie-session@2', 'ejs', 'express-session', 'hbs'],
      ...['marked@0.7', 'method-override', 'morgan', 'multiparty', 'pbkdf2-password', 'vhost'],
    ],
    args: ['--require', './test/support/env.js', '--check-leaks'],
  },
  connect: {
    runner: 'mocha',
    files: ['test/*.js'],
    needs: [mocha, 'supertest@4'],
    args: ['--require', './test/support/env.js', '--check-leaks'],
  },
  compression: {
    runner: 'mocha',
    files: ['test/*.js'],
    needs: [mocha, 'supertest@4', 'after@0.8'],
    args: ['--check-leaks'],
  },
  ws: { runner: 'mocha', files: ['test/*.test.js'], needs: [mocha], args: ['--throw-deprecation'] },
  node: {
    runner: 'scripts',
    node: 22,
    files: ['test/parallel/test-{http,https,http2}-*.js'],
    differs: {
      'test/parallel/test-http-parser-lazy-loaded.js': 'Afterword loads `node:http` before the test changes its parser',
      'test/parallel/test-http2-compat-serverrequest-settimeout.js': 'a time limit of 1 ms is over before the turn is',
      'test/parallel/test-http2-compat-serverresponse-settimeout.js': 'a time limit of 1 ms is over before the turn is',
      'test/parallel/test-http2-compat-serverresponse-headers.js': 'late headers are discarded: they would throw',
      'test/parallel/test-http2-respond-nghttperrors.js':
        'a head that nghttp2 refuses fails with an error of another class',
    },
  },
}
