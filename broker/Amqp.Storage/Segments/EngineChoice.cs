namespace Amqp.Storage.Segments;

/// <summary>Which engine serves a data directory, and why.</summary>
/// <param name="Why">For the log: the rest of a sentence about the engine.</param>
public sealed record EngineChoice(StoreEngine Engine, string Why)
{
    /// <summary>The setting that leaves it to the directory.</summary>
    public const string Auto = "auto";

    /// <summary>Chooses the engine for a directory.</summary>
    /// <param name="setting"><see cref="Auto"/>, or the name of an engine.</param>
    /// <param name="path">The directory, which may be new.</param>
    /// <param name="engines">Those that there are; the first one is for new directories.</param>
    /// <exception cref="StorageException">The directory was written by another engine, or there is no such engine.</exception>
    public static EngineChoice For(string setting, string path, IReadOnlyList<StoreEngine> engines)
    {
        var owner = DataDirectory.EngineOf(path);
        if (setting == Auto) return owner is null ? new(engines[0], "the data directory is new") : new(Of(owner, path, engines), "it wrote the data directory");
        if (owner is not null && owner != setting) throw DataDirectory.WrittenByAnother(path, owner, setting);
        return new(Of(setting, engines), "Storage:Engine says so");
    }

    /// <summary>The engine that a directory belongs to.</summary>
    /// <exception cref="StorageException">There is no such engine here.</exception>
    public static StoreEngine Of(string owner, string path, IReadOnlyList<StoreEngine> engines) => Find(owner, engines)
        ?? throw new StorageException($"The data directory '{path}' was written by the storage engine '{owner}', which this version does not have; it has "
            + $"{List(engines)}. Use the version that wrote it.");

    /// <summary>The engine that is asked for by name.</summary>
    /// <exception cref="StorageException">There is no such engine.</exception>
    public static StoreEngine Of(string name, IReadOnlyList<StoreEngine> engines) => Find(name, engines)
        ?? throw new StorageException($"There is no storage engine '{name}', only {List(engines)}.");

    private static StoreEngine? Find(string name, IReadOnlyList<StoreEngine> engines) => engines.FirstOrDefault(engine => engine.Name == name);

    private static string List(IReadOnlyList<StoreEngine> engines) => string.Join(" and ", engines.Select(engine => $"'{engine.Name}'"));
}
