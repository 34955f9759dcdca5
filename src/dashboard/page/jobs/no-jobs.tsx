/** The words in place of records, where there are none. */
export function NoJobs({ hasStore }: { readonly hasStore: boolean }) {
  if (!hasStore) {
    return (
      <div class="empty">
        <h3>Nothing keeps jobs here</h3>
        <p>
          Without a journal or an engine tasks live in the memory of the process alone, and a crash takes them along.
          Keep them:
        </p>
        <pre>
          <code>{`configure({ journal: 'data/afterword' })`}</code>
        </pre>
      </div>
    )
  }
  return (
    <div class="empty">
      <h3>No job waits, runs or has failed</h3>
      <p>
        Jobs appear here from the call on until they are done, and for a week when they have failed. Define one, and
        call it:
      </p>
      <pre>
        <code>{`const sendWelcome = job('send-welcome', async (email) => { … })

sendWelcome.defer('ada@analytical.example')`}</code>
      </pre>
    </div>
  )
}
