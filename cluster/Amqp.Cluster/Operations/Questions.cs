using System.Buffers;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.IO.Compression;
using System.Text;
using Amqp.Cluster.Links;
using Amqp.Cluster.Membership;
using Amqp.Core.Ports;
using Microsoft.Extensions.Logging;

namespace Amqp.Cluster.Operations;

/// <summary>
/// What one node asks all others for its operators, like a list of their connections; see <see cref="QuestionFrame"/>.
/// <code>
/// Ask --question--> each node that runs --> its Answerer --compressed, in parts--> the answer
/// </code>
/// Nothing is asked again: a link that breaks, a node that ends and one that is silent have not answered.
/// </summary>
internal sealed partial class Questions(ClusterView view, NodeLinks links, TimeProvider time, ILogger logger) : IDisposable
{
    /// <summary>A node that says nothing for so long has not answered: a list of 100,000 connections is there within a second or two.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan PauseUntilThereIsRoom = TimeSpan.FromMilliseconds(20);

    /// <summary>So that heartbeats, alarms and reports do not wait behind a long answer.</summary>
    private const int PartBytes = 64 << 10;

    /// <summary>Of an answer, on the lane at once.</summary>
    private const long WaitingBytesMax = 1 << 20;

    /// <summary>Of an answer, compressed, to which a list of a million connections shrinks about.</summary>
    private const int AnswerBytesMax = 128 << 20;

    /// <summary>Questions of all nodes that this one works on at once: each of them holds its answer in memory.</summary>
    private const int AtOnceMax = 8;

    private readonly ConcurrentDictionary<long, Asked> _asked = new();
    private readonly CancellationTokenSource _ended = new();
    private long _last;
    private int _answering;

    /// <summary>Makes the answers of this node.</summary>
    public Func<ReadOnlyMemory<byte>, Task<ReadOnlyMemory<byte>>> Answerer { private get; set; } = _ => throw new InvalidOperationException("it is starting");

    /// <inheritdoc cref="IClusterOperations.Ask"/>
    public async Task<ImmutableArray<NodeReply>> Ask(ReadOnlyMemory<byte> question, CancellationToken cancellation) =>
        [.. await Task.WhenAll(view.Nodes.Where(node => node.IsRunning && node.Name != view.Self).Select(node => Ask(node.Name, question, cancellation)))];

    /// <summary>The control lane to a node is gone, or the node is: what it was asked is not answered any more.</summary>
    public void Lost(string node)
    {
        foreach (var (_, asked) in _asked)
        {
            if (asked.Node == node) asked.Fail("the link to it is broken");
        }
    }

    /// <summary>A node asks, or answers.</summary>
    public void Received(string node, ReadOnlySequence<byte> payload)
    {
        if (!QuestionFrame.TryRead(payload, out var part, out var number, out var bytes)) LogNotUnderstood(logger, node);
        else if (part == QuestionPart.Question) _ = Answer(node, number, bytes);
        else if (_asked.TryGetValue(number, out var asked) && asked.Node == node) asked.Hear(part, bytes);
    }

    public void Dispose()
    {
        _ended.Cancel();
        _ended.Dispose();
    }

    private async Task<NodeReply> Ask(string node, ReadOnlyMemory<byte> question, CancellationToken cancellation)
    {
        var number = Interlocked.Increment(ref _last);
        using var asked = new Asked(node, time);
        _asked[number] = asked;
        try
        {
            if (!links.Post(node, LinkLane.Control, new QuestionFrame(QuestionPart.Question, number, question))) return new NodeReply(node, Answer: null, "there is no link to it");
            return new NodeReply(node, Expand(await asked.Answered.WaitAsync(cancellation)), Failure: null);
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException)
        {
            return new NodeReply(node, Answer: null, exception.Message);
        }
        finally
        {
            _asked.TryRemove(number, out _);
        }
    }

    private async Task Answer(string node, long number, byte[] question)
    {
        // The thread is the link's, and has others to serve.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            var answer = Interlocked.Increment(ref _answering) <= AtOnceMax
                ? Compress(await Answerer(question))
                : throw new InvalidOperationException("it answers too many others at this moment");
            if (answer.Length > AnswerBytesMax) throw new InvalidOperationException("the answer is too long");
            await Send(node, number, answer);
        }
        catch (OperationCanceledException) when (_ended.IsCancellationRequested)
        {
            // The node that asked sees the link end.
        }
#pragma warning disable CA1031 // Whatever it is, the node that asked is to know, and nothing else depends on it.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogFailed(logger, exception, node);
            links.Post(node, LinkLane.Control, new QuestionFrame(QuestionPart.Failure, number, Encoding.UTF8.GetBytes(exception.Message)));
        }
        finally
        {
            Interlocked.Decrement(ref _answering);
        }
    }

    private async Task Send(string node, long number, ReadOnlyMemory<byte> answer)
    {
        do
        {
            while (links.WaitingBytes(node, LinkLane.Control) > WaitingBytesMax) await Task.Delay(PauseUntilThereIsRoom, time, _ended.Token);
            var part = answer[..Math.Min(PartBytes, answer.Length)];
            answer = answer[part.Length..];
            if (!links.Post(node, LinkLane.Control, new QuestionFrame(answer.IsEmpty ? QuestionPart.End : QuestionPart.Answer, number, part))) return;
        }
        while (!answer.IsEmpty);
    }

    private static ReadOnlyMemory<byte> Compress(ReadOnlyMemory<byte> answer)
    {
        var bytes = new MemoryStream();
        using (var compressing = new BrotliStream(bytes, CompressionLevel.Fastest, leaveOpen: true)) compressing.Write(answer.Span);
        return bytes.GetBuffer().AsMemory(0, (int)bytes.Length);
    }

    private static ReadOnlyMemory<byte> Expand(MemoryStream answer)
    {
        var bytes = new MemoryStream();
        using (var expanding = new BrotliStream(answer, CompressionMode.Decompress)) expanding.CopyTo(bytes);
        return bytes.GetBuffer().AsMemory(0, (int)bytes.Length);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} has asked something in a way that this version does not understand: finish the upgrade of the nodes")]
    private static partial void LogNotUnderstood(ILogger logger, string node);

    [LoggerMessage(Level = LogLevel.Warning, Message = "What node {Node} has asked for its operators could not be answered")]
    private static partial void LogFailed(ILogger logger, Exception exception, string node);

    /// <summary>A question that waits for the answer of one node.</summary>
    private sealed class Asked : IDisposable
    {
        private readonly TaskCompletionSource<MemoryStream> _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly MemoryStream _parts = new();
        private readonly ITimer _silence;

        public Asked(string node, TimeProvider time)
        {
            Node = node;
            _silence = time.CreateTimer(_ => Fail($"it has said nothing for {Patience.TotalSeconds} s"), state: null, Patience, Timeout.InfiniteTimeSpan);
        }

        public string Node { get; }

        public Task<MemoryStream> Answered => _answered.Task;

        /// <summary>On the thread of the link, one part after the other.</summary>
        public void Hear(QuestionPart part, byte[] bytes)
        {
            if (part == QuestionPart.Failure)
            {
                Fail(Encoding.UTF8.GetString(bytes));
                return;
            }
            _silence.Change(Patience, Timeout.InfiniteTimeSpan);
            _parts.Write(bytes);
            if (_parts.Length > AnswerBytesMax) Fail("the answer is too long");
            else if (part == QuestionPart.End)
            {
                _parts.Position = 0;
                _answered.TrySetResult(_parts);
            }
        }

        public void Fail(string why) => _answered.TrySetException(new IOException(why));

        public void Dispose()
        {
            _silence.Dispose();
            // Nothing is to be reported of a failure that came when the wait was over.
            _ = _answered.Task.Exception;
            _answered.TrySetCanceled();
        }
    }
}
