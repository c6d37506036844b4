namespace Amqp.Storage;

/// <summary>The data directory cannot be used as it is. The message says what is wrong and what to do about it; it is meant
/// to be printed as it is, without a stack trace.</summary>
public sealed class StorageException(string message, Exception? innerException = null) : Exception(message, innerException);
