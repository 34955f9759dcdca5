import { defer } from 'afterword'
import { headers } from 'next/headers'
import { notFound } from 'next/navigation'
import { after } from 'next/server'
import { type ReactNode, Suspense } from 'react'
import { Keep } from '../../../jobs.ts'
import { go, markOf, note, testify } from '../../../stage.ts'

export default async function Page({ params }: { params: Promise<{ what: string }> }): Promise<ReactNode> {
  const { what } = await params
  const mark = markOf(await headers())
  defer(testify, 'page', mark)
  defer.with({ name: 'one per scope' })(note, 'page')
  if (what === 'keeps') Keep.defer('little')
  if (what === 'not-found') notFound()
  if (what === 'throws') throw new Error('in a page')
  // Next allows this in route handlers and server actions only.
  if (what === 'request-data') after(async () => void (await headers()))
  if (what !== 'streamed') return <p>a page</p>
  return (
    <Suspense fallback={<p>soon</p>}>
      <Late mark={mark} />
    </Suspense>
  )
}

async function Late({ mark }: { mark: string }): Promise<ReactNode> {
  await go(mark)
  after(() => testify('after', mark))
  defer.with({ name: 'one per scope' })(note, 'late')
  return <p>at last</p>
}
