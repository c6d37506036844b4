using System.Runtime.CompilerServices;
using Amqp.Core.Errors;
using Amqp.Core.Ports;

namespace Amqp.Broker.Loops;

/// <summary>
/// The answer that a handler on a connection's read loop awaits from another owner. Awaiting it lets one channel wait alone:
/// the loop goes on with the others, and the rest of the handler runs as mail of that loop, so a continuation never touches
/// the channel from another thread.
/// </summary>
/// <typeparam name="T">The answer.</typeparam>
/// <param name="loop">Null for an operator, who owns nothing: then the rest runs on the thread pool.</param>
internal sealed class Reply<T>(ConnectionLoop? loop = null) : INotifyCompletion, IReply<T>
{
    private static readonly Action Answered = () => { };

    private Action? _continuation;
    private T? _value;
    private BrokerError? _error;

    public bool IsCompleted => ReferenceEquals(Volatile.Read(ref _continuation), Answered);

    public Reply<T> GetAwaiter() => this;

    /// <exception cref="BrokerException">The answer was <see cref="Fail"/>.</exception>
    public T GetResult() => _error is null ? _value! : throw new BrokerException(_error);

    /// <summary>Gives the answer; from any thread, once.</summary>
    public void Complete(T value)
    {
        _value = value;
        Answer();
    }

    /// <summary>Answers with an error that the awaiting handler throws; from any thread, instead of <see cref="Complete"/>.</summary>
    public void Fail(BrokerError error)
    {
        _error = error;
        Answer();
    }

    /// <summary>Called by the compiler's await, on the loop.</summary>
    public void OnCompleted(Action continuation)
    {
        // Answered between IsCompleted and here: this is the loop, so the handler may go on at once.
        if (Interlocked.CompareExchange(ref _continuation, continuation, comparand: null) is not null) continuation();
    }

    private void Answer()
    {
        if (Interlocked.Exchange(ref _continuation, Answered) is not { } waiting) return;
        if (loop is not null) loop.Post(waiting);
        else ThreadPool.UnsafeQueueUserWorkItem(static run => run(), waiting, preferLocal: false);
    }
}
