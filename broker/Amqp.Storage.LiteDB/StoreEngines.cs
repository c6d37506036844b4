using Amqp.Storage.Segments;

namespace Amqp.Storage.Lite;

/// <summary>The engines that the broker has.</summary>
public static class StoreEngines
{
    /// <summary>The first one is for new data directories.</summary>
    public static IReadOnlyList<StoreEngine> All { get; } = [LiteDbEngine.Engine, StoreEngine.Journal];

    /// <summary>Their names, in that order.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(engine => engine.Name)];
}
