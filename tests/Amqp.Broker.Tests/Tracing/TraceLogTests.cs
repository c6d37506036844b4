using Amqp.Broker.Observability;
using Amqp.Broker.Tracing;
using Amqp.Core.Queues;
using Amqp.Core.Topology;

namespace Amqp.Broker.Tests.Tracing;

/// <summary>What is kept of traced messages, and for how long.</summary>
internal sealed class TraceLogTests
{
    private const int AgeMs = 1_000;

    private static readonly QueueId Queue = new(1);

    private readonly TraceLog _log = new(bytesMax: 1_000_000, AgeMs);

    [Test]
    public void A_message_is_found_by_either_of_its_ids_in_its_virtual_host()
    {
        _log.Add(Id("m", "c"), At(0, TraceStep.Published));
        _log.Add(Id("other", "c"), At(1, TraceStep.Published));
        _log.Add(Id("m", "c") with { Vhost = "else" }, At(2, TraceStep.Published));
        Assert.That(Found("m"), Is.EqualTo("m c: Published"));
        Assert.That(Found("c"), Is.EqualTo("m c: Published; other c: Published"));
        Assert.That(Found("nothing"), Is.Empty);
        _log.Add(Id(null, "m"), At(3, TraceStep.Published));
        _log.Add(Id("same", "same"), At(4, TraceStep.Published));
        Assert.That(Found("m"), Is.EqualTo("m c: Published;  m: Published"));
        Assert.That(Found("same"), Is.EqualTo("same same: Published"));
    }

    [Test]
    public void Where_it_is_tells_what_message_it_was()
    {
        _log.Add(Id("m"), At(0, TraceStep.Entered), new TracedPlace(Queue, 7));
        _log.Add(default, At(1, TraceStep.Returned), new TracedPlace(Queue, 7));
        _log.Add(default, At(2, TraceStep.Acknowledged), new TracedPlace(Queue, 7));
        // It has left that place, and another one may come to it.
        _log.Add(default, At(3, TraceStep.Returned), new TracedPlace(Queue, 7));
        _log.Add(default, At(4, TraceStep.Returned), new TracedPlace(Queue, 8));
        Assert.That(Found("m"), Is.EqualTo("m : Entered, Returned, Acknowledged"));
    }

    [Test]
    public void A_message_that_has_no_id_is_not_kept()
    {
        _log.Add(Id(null), At(0, TraceStep.Entered), new TracedPlace(Queue, 7));
        _log.Add(default, At(1, TraceStep.Acknowledged), new TracedPlace(Queue, 7));
        Assert.That(Found(""), Is.Empty);
    }

    [Test]
    public void What_a_deleted_queue_had_went_with_it()
    {
        _log.Add(Id("in"), At(0, TraceStep.Entered), new TracedPlace(Queue, 1));
        _log.Add(Id("out"), At(0, TraceStep.Entered), new TracedPlace(Queue, 2));
        _log.Add(Id("out"), At(1, TraceStep.Acknowledged), new TracedPlace(Queue, 2));
        _log.Add(Id("elsewhere"), At(0, TraceStep.Entered), new TracedPlace(new QueueId(2), 1));
        _log.Deleted(Queue, At(2, TraceStep.QueueDeleted));
        Assert.That((Found("in"), Found("out"), Found("elsewhere")), Is.EqualTo(("in : Entered, QueueDeleted", "out : Entered, Acknowledged", "elsewhere : Entered")));
    }

    [Test]
    public void After_its_time_it_is_forgotten()
    {
        _log.Add(Id("m"), At(0, TraceStep.Entered), new TracedPlace(Queue, 1));
        Assert.That(Found("m", nowMs: AgeMs), Is.Not.Empty);
        Assert.That(Found("m", nowMs: AgeMs + 1), Is.Empty);
        _log.Add(default, At(AgeMs + 2, TraceStep.Acknowledged), new TracedPlace(Queue, 1));
        Assert.That(Found("m", nowMs: AgeMs + 2), Is.Empty);
    }

    [Test]
    public void When_there_is_no_room_the_oldest_are_forgotten()
    {
        for (var number = 0; number < 10_000; number++) _log.Add(Id($"m{number}", "all"), At(0, TraceStep.Entered), new TracedPlace(Queue, number));
        Assert.That((Found("m0"), Found("m9999")), Is.EqualTo(("", "m9999 all: Entered")));
        Assert.That(Enumerable.Range(0, 10_000).Count(number => Found($"m{number}").Length > 0), Is.InRange(800, 1_600), "of some 800 bytes each");
        Assert.That(_log.Find("/", "all", nowMs: 0).Select(trail => trail.MessageId).ToArray(), Has.Length.EqualTo(100).And.ItemAt(99).EqualTo("m9999"));
    }

    [Test]
    public void One_that_goes_round_for_ever_keeps_its_beginning_and_its_end()
    {
        _log.Add(Id("m"), At(0, TraceStep.Published));
        for (var number = 1; number <= 1_000; number++) _log.Add(Id("m"), At(0, TraceStep.Delivered));
        _log.Add(Id("m"), At(0, TraceStep.Rejected));
        var trail = _log.Find("/", "m", nowMs: 0).Single();
        Assert.That((trail.Events.Length, trail.Forgotten, trail.Events[0].Step, trail.Events[^1].Step), Is.EqualTo((200, 802, TraceStep.Published, TraceStep.Rejected)));
    }

    [Test]
    public void Without_room_nothing_is_kept() => Assert.That(new TraceLog(bytesMax: 0, AgeMs).IsOn, Is.False);

    private static TracedId Id(string? message, string? correlation = null) => new("/", message, correlation);

    private static TraceEvent At(long ms, TraceStep step) => new(ms, step);

    private string Found(string id, long nowMs = 0) => string.Join(
        "; ", _log.Find("/", id, nowMs).Select(trail => $"{trail.MessageId} {trail.CorrelationId}: {string.Join(", ", trail.Events.Select(each => each.Step))}"));
}
