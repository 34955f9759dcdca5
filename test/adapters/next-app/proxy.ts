import { defer } from 'afterword'
import { after, type NextFetchEvent, type NextRequest, NextResponse } from 'next/server'
import { markOf, note, testify } from './stage.ts'

export function proxy(request: NextRequest, event: NextFetchEvent): Response {
  const mark = markOf(request.headers)
  defer(testify, 'proxy', mark)
  defer.with({ name: 'one per scope' })(note, 'proxy')
  after(() => testify('after of the proxy', mark))
  event.waitUntil(Promise.reject(new Error('in the proxy')))
  return NextResponse.next()
}

export const config = { matcher: '/t/proxied' }
