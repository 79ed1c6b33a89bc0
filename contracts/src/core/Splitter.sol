// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Split} from "../libraries/Split.sol";
import {IModels, IRules, ISplitter} from "../interfaces/Modules.sol";
import {Batch} from "../Types.sol";

/// @title Splitter: what a batch earns whom, computed from the batch, its leaves, and records that never change.
/// @notice Holds no state and no money. The core asks it in disputes; an app can ask it to check its own arithmetic.
contract Splitter is ISplitter {
    IRules public immutable rules;
    IModels public immutable models;

    constructor(IRules rules_, IModels models_) {
        rules = rules_;
        models = models_;
    }

    /// @notice What one reward key earns.
    function earned(uint32 key, Batch calldata batch, uint32 poster, bytes calldata leaves) external view returns (uint256) {
        return Split.earned(key, _facts(batch, poster), leaves);
    }

    /// @notice All rewards, ascending in key.
    function all(Batch calldata batch, uint32 poster, bytes calldata leaves)
        external
        view
        returns (uint32[] memory keys, uint256[] memory rewards)
    {
        return Split.all(_facts(batch, poster), leaves);
    }

    function _facts(Batch calldata batch, uint32 poster) private view returns (Split.Facts memory f) {
        f.rules = rules.version(batch.rules);
        (f.base, f.sources) = models.lineage(batch.model);
        (f.model, f.host, f.poster, f.amount) = (batch.model, batch.host, poster, batch.amount);
    }
}
