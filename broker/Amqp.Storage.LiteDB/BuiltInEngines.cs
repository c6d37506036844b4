using Amqp.Storage.Segments;

namespace Amqp.Storage.Lite;

/// <summary>The engines of this build: LiteDB only where its package could be restored.</summary>
public static class BuiltInEngines
{
    /// <summary>The first one is for new data directories.</summary>
    public static IReadOnlyList<StoreEngine> All { get; } =
    [
#if WITH_LITEDB
        LiteDbEngine.Engine,
#endif
        StoreEngine.Journal,
    ];
}
