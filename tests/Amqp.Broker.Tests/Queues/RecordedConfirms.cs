using Amqp.Broker.Publishing;

namespace Amqp.Broker.Tests.Queues;

/// <summary>What queues answered for, as <c>1</c>, and what they refused, as <c>!1</c>.</summary>
internal sealed class RecordedConfirms
{
    private const int Numbers = 1_000;

    private readonly ConfirmTracker _tracker = new(() => { });
    private readonly SortedDictionary<long, string> _answers = [];

    public RecordedConfirms()
    {
        for (var number = 0; number < Numbers; number++) _tracker.Add(1);
    }

    public string Text
    {
        get
        {
            var confirms = new List<Confirm>();
            _tracker.Take(confirms);
            foreach (var (number, multiple, isRefused) in confirms)
            {
                for (var covered = number; covered > 0 && (multiple || covered == number); covered--)
                    _answers.TryAdd(covered, isRefused ? $"!{covered}" : $"{covered}");
            }
            return string.Join(' ', _answers.Values);
        }
    }

    public static implicit operator ConfirmTracker(RecordedConfirms confirms) => confirms._tracker;
}
