namespace Amqp.Host.RabbitConfig;

/// <summary>What people should know of RabbitMQ's configuration as this broker reads it; kept until there is a log.</summary>
internal sealed class ConfigNotes
{
    private readonly List<(bool IsWarning, string Text)> _notes = [];

    public IReadOnlyList<(bool IsWarning, string Text)> All => _notes;

    /// <summary>Something is not as the configuration wants it.</summary>
    public void Warn(string text) => _notes.Add((true, text));

    /// <summary>Something changes nothing, and nothing is lost by that.</summary>
    public void Tell(string text) => _notes.Add((false, text));
}
