using Amqp.Broker.Publishing;

namespace Amqp.Broker.Tests.Queues;

/// <summary>What queues answered for, as <c>1</c>, and what they refused, as <c>!1</c>.</summary>
internal sealed class RecordedConfirms : ConfirmTracker
{
    private readonly List<string> _answers = [];

    public string Text => string.Join(' ', _answers);

    public override void Settle(long number) => _answers.Add($"{number}");

    public override void Refuse(long number) => _answers.Add($"!{number}");
}
